from lab import *
Xs=[std(*[np.load(f'Z_cs{s}.npz')[k] for k in('Z','ZU')])[0] for s in range(4)]
X=np.concatenate(Xs,1)/2
def logo(X,C):
    f=np.zeros(len(y)); K=X@X.T*C+10
    for g in set(GP[dev]):
        te=dev[GP[dev]==g]; tr=dev[GP[dev]!=g]; a,_=logit_fit(X[tr],y[tr],C); f[te]=K[np.ix_(te,tr)]@a
    return f
for C in (.3,3,30,100,300):
    f=logo(X,C); print(C,'leave group out AUC %.3f F1q.15 %.3f .2 %.3f F1@0 %.3f'%(auc(f[dev],y[dev]),bal(f[dev],y[dev],.15),bal(f[dev],y[dev],.2),f1m((f[dev]<0).astype(int),y[dev])))
Xn=X/np.linalg.norm(X,axis=1,keepdims=True)
for C in (3,30,100):
    f=logo(Xn,C); print('unit',C,'leave group out AUC %.3f F1q.15 %.3f .2 %.3f F1@0 %.3f'%(auc(f[dev],y[dev]),bal(f[dev],y[dev],.15),bal(f[dev],y[dev],.2),f1m((f[dev]<0).astype(int),y[dev])))
