import gzip, csv, json, re, numpy as np
import os; D=os.environ['XRDMATCH_DATA']+'/'
def read(path, labelled):
    op=gzip.open if path.endswith('.gz') else open
    names=[];forms=[];labels=[];cond=[];I=[]
    with op(path,'rt') as f:
        next(f)
        for line in f:
            p=line.rstrip('\n').split(',')
            off=5 if labelled else 3
            names.append(p[2]);forms.append(p[0])
            if labelled: labels.append(int(p[4])); cond.append(float(p[3]))
            s=p[off:off+4500]
            idx=[i for i,v in enumerate(s) if v!='0']
            I.append((np.array(idx,np.int32),np.array([float(s[i]) for i in idx],np.float32)))
    return names,forms,np.array(labels),cond,I
def parse(formula):
    def grp(s,i):
        out={}
        while i<len(s):
            c=s[i]
            if c in '([': d,i=grp(s,i+1)
            elif c in ')]':
                return out,i+1
            else:
                m=re.match(r'[A-Z][a-z]?',s[i:])
                if not m: i+=1; continue
                d={m.group():1.0}; i+=m.end()
            m=re.match(r'\d*\.?\d+',s[i:])
            k=1.0
            if m: k=float(m.group()); i+=m.end()
            for e,n in d.items(): out[e]=out.get(e,0)+n*k
        return out,i
    return grp(formula,0)[0]
if __name__=='__main__':
    L=read(D+'lbs.csv',True); U=read(D+'ulbs.csv.gz',False)
    import pickle; pickle.dump((L,U),open('data.pkl','wb'))
