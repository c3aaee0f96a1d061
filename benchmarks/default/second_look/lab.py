import os
from common import *
import json
def from_json(path):
    S=json.load(open(path)); out=[]
    for e in S['experiments']:
        out.append((np.array([pos[n] for n in e['labeled']]),np.array([pos[n] for n in e['evaluation']])))
    return out
DR=from_json('dev.json')            # the program's 60 draws
DP=draws(60)                        # the prototype's
# many draws with the program's grouping, made as dev.json is
def groups_program(th=.93):
    import re
    X=Inp(0.2,0.1,1.0)(Lcsr,np.arange(len(y))).numpy(); X/=np.linalg.norm(X,axis=1,keepdims=True); C=X@X.T
    sysm=[frozenset(re.findall(r"[A-Z][a-z]?", re.sub(r"\([A-Z]{2,}\)|^[a-z]+_", "", f))) for f in forms]
    g=np.arange(len(y))
    for i in dev:
        for j in dev[dev<i]:
            if C[i,j]>=th or sysm[i]==sysm[j]: g[g==g[i]]=g[j]
    return g
GP=groups_program()
def many(n,seed=77):
    rng=np.random.default_rng(seed); out=[]
    for _ in range(n):
        tr=np.concatenate([rng.permutation(dev[y[dev]==c])[:10] for c in (0,1)])
        out.append((tr,np.array([i for i in dev if GP[i] not in set(GP[tr])])))
    return out
def bal(f,t,share):
    k=max(1,int(round(share*len(f)))); th=np.sort(f)[::-1][k-1]; return f1m((f<th).astype(int),t)
def evaluate(fn,dr,share=.15):
    """fn(tr)-> scores on all 112 rows (log-odds of class 0, threshold 0). per draw AUC, F1, F1 at share; oob AUC, F1"""
    A=[];F=[];Q=[];S_=[];P=np.full((len(dr),len(y)),np.nan)
    for i,(tr,te) in enumerate(dr):
        f=fn(tr,i); A.append(auc(f[te],y[te])); F.append(f1m((f[te]<0).astype(int),y[te])); Q.append(bal(f[te],y[te],share)); S_.append((f[te]>0).mean())
        P[i,te]=1/(1+np.exp(-f[te]))
    ok=~np.isnan(P).all(0); m=np.nanmean(P[:,ok],0); t=y[ok]
    return dict(auc=np.array(A),f1=np.array(F),f1q=np.array(Q),share=np.mean(S_),oob_auc=auc(m,t),oob_f1=f1m((m<.5).astype(int),t),oob_f1q=bal(m,t,.2),m=m,ok=ok)
def say(tag,r):
    print(f"{tag:50s} AUC {r['auc'].mean():.3f} F1 {r['f1'].mean():.3f} F1q {r['f1q'].mean():.3f} share {r['share']:.2f} | oob AUC {r['oob_auc']:.3f} F1 {r['oob_f1']:.3f} F1q {r['oob_f1q']:.3f}",flush=True)
def std(Z,ZU):
    m=ZU.mean(0); s=np.sqrt(((ZU-m)**2).sum(1).mean()); return (Z-m)/s,(ZU-m)/s
def logit(X,C=3.,prior=.2):
    K0=X@X.T*C+10.
    def fn(tr,i):
        a,_=logit_fit(X[tr],y[tr],C); return K0[:,tr]@a+np.log(prior/(1-prior))
    return fn
def ungrouped(n=60,seed=5):
    rng=np.random.default_rng(seed); out=[]
    for _ in range(n):
        tr=np.concatenate([rng.permutation(dev[y[dev]==c])[:10] for c in (0,1)])
        out.append((tr,np.setdiff1d(dev,tr)))
    return out
DU=ungrouped()
