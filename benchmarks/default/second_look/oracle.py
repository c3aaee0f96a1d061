from lab import *
# true composition descriptors of labelled rows: a bound on composition-type information
EN=dict(H=2.2,Li=.98,Be=1.57,B=2.04,C=2.55,N=3.04,O=3.44,F=3.98,Na=.93,Mg=1.31,Al=1.61,Si=1.9,P=2.19,S=2.58,Cl=3.16,K=.82,Ca=1.0,Sc=1.36,Ti=1.54,V=1.63,Cr=1.66,Mn=1.55,Fe=1.83,Co=1.88,Ni=1.91,Cu=1.9,Zn=1.65,Ga=1.81,Ge=2.01,As=2.18,Se=2.55,Br=2.96,Rb=.82,Sr=.95,Y=1.22,Zr=1.33,Nb=1.6,Mo=2.16,Ag=1.93,Cd=1.69,In=1.78,Sn=1.96,Sb=2.05,Te=2.1,I=2.66,Cs=.79,Ba=.89,La=1.1,Hf=1.3,Ta=1.5,W=2.36,Bi=2.02)
def fr(c):
    v=np.zeros(len(ELx)); t=sum(c.values())
    for e,n in c.items(): v[fx.get(e,len(ELx)-1)]+=n/t
    return v
cs=[{k:v for k,v in parse(re.sub(r'\((NC|EES|nc_error)\)|^[a-z]+_','',f)).items()} for f in forms] if False else None
import re
cs=[parse(re.sub(r'\((NC|EES|nc_error)\)|^[a-z]+_','',f)) for f in forms]
C=np.stack([fr(c) for c in cs])
def desc(c):
    t=sum(c.values()); en=np.array([EN.get(e,1.2) for e in c]); w=np.array(list(c.values()))/t
    m=(w*en).sum(); nl=[(EN.get(e,1.2),n) for e,n in c.items() if e!='Li']; s=sum(n for _,n in nl); mn=sum(e*n for e,n in nl)/s if s else 1.
    an=max((EN.get(e,1.2),e) for e in c)[0]
    return [c.get('Li',0)/t,m,np.sqrt((w*(en-m)**2).sum()),mn,max((n,EN.get(e,1.2)) for e,n in c.items() if e!='Li')[1] if s else 1,en.max(),len(c),sum(n for e,n in c.items() if e in 'S Se Te I Br Cl N P'.split())/t]
D=np.array([desc(c) for c in cs]); D=(D-D.mean(0))/D.std(0)
def rep(X,tag):
    X=X-X.mean(0);X=X/np.sqrt((X**2).sum(1).mean())
    for Cc in (.3,3,30): say(f'{tag} C{Cc}',evaluate(logit(X,Cc),DR))
rep(C,'oracle shares'); rep(np.sqrt(C),'oracle sqrt shares'); rep(D,'oracle descriptors'); 
n=lambda X:(X-X.mean(0))/np.sqrt(((X-X.mean(0))**2).sum(1).mean())
rep(np.c_[n(np.sqrt(C)),n(D)],'both')
Xs=[std(*[np.load(f'Z_cs{s}.npz')[k] for k in('Z','ZU')])[0] for s in range(4)]
X=np.concatenate(Xs,1)/2
rep(np.c_[n(np.sqrt(C)),n(D),n(X)],'both + features')
# conductivity regression
lc=np.log10(np.maximum(cond,1e-30))
def krr(X,lam,lo=-12,hi=-2):
    K=X@X.T; t=np.clip(lc,lo,hi); th=np.log10(5e-5)
    def fn(tr,i):
        w=np.ones(len(tr)); yy=t[tr]; m=yy.mean(); Kt=K[np.ix_(tr,tr)]; Kc=K[:,tr]
        a=np.linalg.solve(Kt+lam*np.eye(len(tr)),yy-m); return Kc@a+m-th
    return fn
for lo in (-30,-14,-10,-8,-6):
    for lam in (.1,1.,10.): say(f'regression lo{lo} lam{lam}',evaluate(krr(X,lam,lo),DR))
